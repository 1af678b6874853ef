"""The `stockbell` command."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, NoReturn

import click
from email_validator import EmailNotValidError, validate_email
from sqlalchemy.exc import OperationalError
from tqdm import tqdm

from integrations import PLATFORMS, platform_adapter
from plugin import log
from plugin.domain import catalog, installations, merchants, shops
from plugin.domain.errors import FieldError
from plugin.domain.shops import Shop
from plugin.domain.simulation import ScenarioError, simulate
from plugin.embedded import EmbeddedError
from plugin.runtime import Runtime, now, running_settings
from plugin.settings import Settings, SettingsError


def _fail(message: str) -> NoReturn:
    """End with one line that says what is wrong."""
    raise click.ClickException(message)


def _runtime(**options: Any) -> Runtime:
    return Runtime(running_settings(Settings.from_environment()), **options)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Back-in-stock alerts that shops host themselves."""


@cli.command()
@click.option(
    "--demo",
    type=click.Choice(["custom", "shopify"]),
    is_flag=False,
    flag_value="custom",
    default=None,
    help="Add a demo shop with a storefront: one with a feed, or one in a simulated Shopify.",
)
def up(demo: str | None) -> None:
    """Start everything on this machine; Ctrl-C stops it."""
    from plugin.up import run  # noqa: PLC0415 (brings in what only this command needs)

    run(Settings.from_environment(), demo=demo or "")


@cli.command()
def web() -> None:
    """Start the web server."""
    from plugin.server import serve  # noqa: PLC0415

    log.configure("web")
    serve(Settings.from_environment())


@cli.command()
@click.option("--catalogs", is_flag=True, help="Read catalogs; without it: send messages.")
@click.option("--platforms", is_flag=True, help="Ask platforms for stock, and handle their webhooks.")
@click.option("--name", default="", help="Name under which messages are claimed; must be unique.")
@click.option("--burst", is_flag=True, help="End when nothing is left to do.")
def worker(name: str, *, catalogs: bool, platforms: bool, burst: bool) -> None:
    """Start one worker, for messages, for catalogs or for platforms."""
    from plugin import queues  # noqa: PLC0415
    from plugin.worker import run  # noqa: PLC0415

    log.configure("worker")
    if catalogs and platforms:
        raise FieldError("platforms", "cannot be together with --catalogs: a worker listens on one queue")
    line = queues.CATALOGS if catalogs else queues.PLATFORMS if platforms else queues.MESSAGES
    run(_runtime(), line, name, burst=burst)


@cli.command()
def scheduler() -> None:
    """Start the scheduler; of several, one is elected."""
    from plugin.scheduler import run  # noqa: PLC0415

    log.configure("scheduler")
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    run(_runtime(), stop)


@cli.group("db")
def db_group() -> None:
    """The database."""


@db_group.command("upgrade")
def db_upgrade() -> None:
    """Bring the tables up to date."""
    _runtime().upgrade_database()
    click.echo("The tables are up to date.")


@cli.command()
def doctor() -> None:
    """Check every part and say what to do."""
    from plugin.doctor import checks  # noqa: PLC0415

    bad = 0
    for check in checks(running_settings(Settings.from_environment())):
        click.echo(f"{'ok ' if check.good else 'BAD'}  {check.part}: {check.finding}")
        if not check.good:
            click.echo(f"     {check.remedy}")
        bad += not check.good
    sys.exit(1 if bad else 0)


@cli.command("simulate")
@click.argument("scenarios", type=click.File("r", encoding="utf-8"), default="-")
def simulate_command(scenarios: IO[str]) -> None:
    """Play scenarios through the rules: one JSON object a line in, one a line out; docs/commands.md has an example."""
    bad = False
    for number, line in enumerate(scenarios, 1):
        if not line.strip():
            continue
        try:
            result = simulate(json.loads(line))
        except (json.JSONDecodeError, ScenarioError, RecursionError) as error:
            wrong = str(error) if isinstance(error, ScenarioError) else "not JSON"
            click.echo(f"stockbell: line {number}: {wrong}", err=True)
            result, bad = {"error": f"line {number}: {wrong}"}, True
        click.echo(json.dumps(result, ensure_ascii=False))
    sys.exit(1 if bad else 0)


@cli.group()
def shop() -> None:
    """Shops."""


DOMAINS = click.option(
    "--domain",
    "domains",
    required=True,
    multiple=True,
    help="Where the storefront is: https://shop.example. Once more for each other address that it has.",
)


@shop.command("create")
@click.option("--platform", type=click.Choice(sorted(PLATFORMS)), default="custom", show_default=True)
@click.option("--name", required=True, help="Shown in messages.")
@DOMAINS
@click.option("--feed", default="", help="Custom catalogs: address or file of the feed.")
def shop_create(platform: str, name: str, domains: tuple[str, ...], feed: str) -> None:
    """Make a shop; prints its keys as JSON. The API key is shown only now."""
    if platform_adapter(platform).capabilities.installation:
        raise FieldError("platform", f"{platform}: its shops come in when they install the app (docs/{platform}.md)")
    feed = _feed(feed)
    with closing(_runtime()) as runtime, runtime.engine.begin() as database:
        new = shops.create_shop(
            database,
            platform=platform,
            name=name,
            domain=domains[0],
            other_domains=domains[1:],
            feed=feed,
            allow_loopback=runtime.settings.allow_loopback,
        )
    keys = {"shop_id": str(new.shop_id), "public_key": new.public_key, "api_key": new.api_key}
    click.echo(json.dumps(keys))


@shop.command("domains")
@click.option("--shop", "shop_id", type=int, required=True)
@DOMAINS
def shop_domains(shop_id: int, domains: tuple[str, ...]) -> None:
    """Say where a shop's storefront is now; the first address is the one that messages name."""
    changes = {"domain": domains[0], "other_domains": domains[1:]}
    with closing(_runtime()) as runtime:
        _shop(runtime, shop_id)
        with runtime.engine.begin() as database:
            shops.change_settings(database, shop_id, changes, allow_loopback=runtime.settings.allow_loopback)
        changed = _shop(runtime, shop_id)
    click.echo("\n".join([changed.domain, *changed.other_domains]))


@shop.command("remove")
@click.option("--shop", "shop_id", type=int, required=True)
@click.confirmation_option(prompt="Nobody in its line will be told any more. Remove the shop?")
def shop_remove(shop_id: int) -> None:
    """Take a shop out: its keys are no longer good, and nothing is sent for it from now on."""
    with closing(_runtime()) as runtime:
        found = _shop(runtime, shop_id)
        with runtime.engine.begin() as database:
            installations.remove(database, shop_id, now())
    click.echo(f"{found.name} is removed.")


@shop.command("webhook-secret")
@click.option("--shop", "shop_id", type=int, required=True)
def shop_webhook_secret(shop_id: int) -> None:
    """Print the secret with which a custom shop signs its webhooks."""
    runtime = _runtime()
    click.echo(shops.webhook_secret(runtime.secret_key, _shop(runtime, shop_id)))


def _shop(runtime: Runtime, shop_id: int) -> Shop:
    """The shop with this number.

    Raises:
        FieldError: there is none.
    """
    with runtime.engine.connect() as database:
        found = shops.by_id(database, shop_id)
    if found is None:
        raise FieldError("shop", f"there is no shop {shop_id}")
    return found


def _feed(feed: str) -> str:
    """The address or the absolute path of a feed.

    Raises:
        FieldError: it is neither a web address nor a file.
    """
    if not feed or feed.startswith(("https://", "http://")):
        return feed
    if "://" in feed or not Path(feed).is_file():
        raise FieldError("feed", f"{feed} is neither a web address nor a file")
    if not os.access(feed, os.R_OK):
        raise FieldError("feed", f"{feed} cannot be read: give it to whoever runs Stockbell")
    return str(Path(feed).absolute())


@cli.group()
def merchant() -> None:
    """The people who run shops."""


@merchant.command("add")
@click.option("--shop", "shop_id", type=int, required=True)
@click.option("--email", required=True)
@click.option("--new-password", is_flag=True, help="Replace the password that the account has.")
@click.option("--password", default="", help="Asked for when it is not given.")
def merchant_add(shop_id: int, email: str, password: str, *, new_password: bool) -> None:
    """Let someone sign in to a shop's pages; an account may be in several shops."""
    try:
        validate_email(email, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise FieldError("email", f"is no e-mail address: {error}") from error
    runtime = _runtime()
    _shop(runtime, shop_id)
    password = password or click.prompt("Password", hide_input=True, confirmation_prompt=True)
    with runtime.engine.begin() as database:
        given = merchants.add_merchant(
            database, email=email, password=password, shop_id=shop_id, new_password=new_password
        )
    kept = "" if given else " The account had a password already, which was kept (--new-password replaces it)."
    click.echo(f"{email} can sign in at /merchant/.{kept}")


@cli.group()
def snippet() -> None:
    """What shops put into their pages."""


@snippet.command("check")
@click.option("--shop", "shop_id", type=int, required=True)
@click.option("--page", required=True, help="A page of the shop: https://shop.example/products/mug")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def snippet_check(shop_id: int, page: str, *, as_json: bool) -> None:
    """Look at a page of a shop: does the snippet work there? Ends with 1 if not, with 3 if only a browser can tell."""
    from plugin.snippet_check import check_page, is_well  # noqa: PLC0415 (brings in what only this command needs)

    with closing(_runtime()) as runtime:
        findings = check_page(runtime, _shop(runtime, shop_id), page)
    well = is_well(findings)
    if as_json:
        found = [{**asdict(each), "state": each.state} for each in findings]
        click.echo(json.dumps({"page": page, "well": well, "findings": found}, ensure_ascii=False))
    else:
        for each in findings:
            click.echo(f"{ {True: 'ok ', False: 'BAD', None: '?  '}[each.ok] }  {each.part}: {each.finding}")
            if each.remedy:
                click.echo(f"     {each.remedy}")
    sys.exit(0 if well else 1 if any(each.ok is False for each in findings) else 3)


@cli.group("catalog")
def catalog_group() -> None:
    """Catalogs."""


@catalog_group.command("sync")
@click.option("--shop", "shop_id", type=int, required=True)
@click.option("--feed", default="", help="Read this address or file, and keep it for later.")
@click.option("--accept-loss", is_flag=True, help="Believe a feed that lost many variants.")
def catalog_sync(shop_id: int, feed: str, *, accept_loss: bool) -> None:
    """Read a shop's catalog; prints a JSON summary."""
    runtime = _runtime()
    feed = _feed(feed)
    with tqdm(unit=" variants", disable=None, leave=False) as bar:

        def progress(rows: int) -> None:
            bar.update(rows - bar.n)

        def sync() -> catalog.SyncResult:
            return catalog.sync_shop(
                runtime.engine,
                shop_id,
                runtime.adapter,
                now,
                feed=feed,
                accept_loss=accept_loss,
                progress=progress,
            )

        try:
            result = _when_prepared(runtime, shop_id, sync)
        except (catalog.CatalogError, LookupError) as error:
            bar.close()
            _fail(str(error))
    if result.people:
        runtime.doorbell.deliver(shop_id, result.people)
    summary = {name: getattr(result, name) for name in result.__slots__}
    click.echo(json.dumps({**summary, "problems": list(result.problems)}))


def _when_prepared(runtime: Runtime, shop_id: int, sync: Callable[[], catalog.SyncResult]) -> catalog.SyncResult:
    """Sync; where the platform has to prepare the catalog first, it is waited for, and a worker may be faster."""
    began_at = now()
    is_prepared = False
    while True:
        try:
            return sync()
        except catalog.PreparingError as error:
            is_prepared = True
            time.sleep(error.seconds)
        except catalog.SyncRunningError:
            if not is_prepared:
                raise
            time.sleep(1)
        with runtime.engine.connect() as database:
            outcome = catalog.outcome_since(database, shop_id, began_at)
        if outcome:
            return outcome


def main() -> None:
    """Run the command line; what the user can mend is one line, never a stack trace."""
    _guarded(lambda: cli(prog_name="stockbell"))


def _guarded(run: Callable[[], None]) -> None:
    try:
        run()
    except (SettingsError, EmbeddedError, FieldError) as error:
        _end(str(error))
    except OperationalError as error:
        _end(f"The database cannot be used: {str(error.orig).strip().splitlines()[0]}")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except PermissionError as error:
        _end(f"{error.filename} cannot be written: set STOCKBELL_HOME to a folder that can.")


def _end(message: str) -> NoReturn:
    click.echo(f"stockbell: {message}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
