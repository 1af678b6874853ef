"""`stockbell doctor`: looks at every part and says what to do."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from redis import RedisError
from rq import Worker
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from integrations.channels.smtp import SMTPChannel
from integrations.errors import IntegrationError
from plugin import db, queues
from plugin.domain import catalog, outbox, shops
from plugin.runtime import MAIL_SERVER_IS_SET, Runtime, now, read_address
from plugin.scheduler import ELECTION_LOCK
from plugin.settings import Settings, SettingsError
from plugin.widget_build import DIST

LEAST_FREE_BYTES = 500 * 1024 * 1024
LEAST_POSTGRES = 150000


@dataclass(frozen=True)
class Check:
    """What was found about one part."""

    part: str
    good: bool
    finding: str
    remedy: str = ""


def checks(settings: Settings) -> Iterator[Check]:
    """Look at each part in turn; one that is away does not hide the others."""
    yield _home(settings)
    built = (DIST / "manifest.json").exists()
    yield Check("Widget", built, "built" if built else "not built", "Run 'make setup'.")
    with closing(Runtime(settings)) as runtime:
        yield from _database(runtime)
        yield from _redis(runtime)
    yield _mail(settings)
    yield _address(settings)


def _home(settings: Settings) -> Check:
    folder = settings.home if settings.home.exists() else settings.home.parent
    free = shutil.disk_usage(folder).free if folder.exists() else 0
    finding = f"{free // 1024**2:,} MB free at {folder}"
    return Check("Disk", free >= LEAST_FREE_BYTES, finding, "Make room, or set STOCKBELL_HOME to another disk.")


def _database(runtime: Runtime) -> Iterator[Check]:
    remedy = "Start 'stockbell up', or set DATABASE_URL to a PostgreSQL of version 15 or newer."
    try:
        with runtime.engine.connect() as database:
            version = int(database.execute(text("SHOW server_version_num")).scalar_one())
            yield Check("PostgreSQL", version >= LEAST_POSTGRES, f"version {version // 10000} answers", remedy)
        current = db.is_up_to_date(runtime.engine)
        yield Check("Tables", current, "up to date" if current else "not up to date", "Run 'stockbell db upgrade'.")
        if current:
            yield from _engine(runtime)
    except SettingsError as error:
        yield Check("PostgreSQL", good=False, finding=str(error), remedy=remedy)
    except SQLAlchemyError as error:
        yield Check("PostgreSQL", good=False, finding=f"not reachable ({type(error).__name__})", remedy=remedy)


def _engine(runtime: Runtime) -> Iterator[Check]:
    with runtime.engine.connect() as database:
        led = database.execute(
            text("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = :lock AND granted)"),
            {"lock": ELECTION_LOCK},
        ).scalar_one()
        yield Check("Scheduler", led, "one is elected" if led else "none runs", "Start 'stockbell scheduler'.")
        waiting = sum(messages for _, messages in outbox.shops_with_work(database, now()))
        query = (
            "SELECT count(*) FROM message JOIN delivery_attempt ON message_id = message.id AND number = attempts"
            " WHERE state = 'claimed' AND outcome IS NULL AND begun_at < now() - interval '1 minute'"
        )
        stuck = database.execute(text(query)).scalar_one()
        if stuck:
            remedy = "Look at the mail server: it takes mails and does not answer."
            yield Check("Hand-overs", good=False, finding=f"{stuck} without an answer for a minute", remedy=remedy)
        dead = database.execute(text("SELECT count(*) FROM message WHERE state = 'dead'")).scalar_one()
        yield Check(
            "Messages",
            dead == 0,
            f"{waiting} due now, {dead} undeliverable",
            "The shop's merchant page lists them and can send them again.",
        )
        failed = database.execute(text("SELECT count(*) FROM webhook WHERE state = 'failed'")).scalar_one()
        remedy = "The shop's merchant page and GET /api/v1/webhooks tell which, and why."
        yield Check("Webhooks", failed == 0, f"{failed} could not be handled", remedy)
        query = "SELECT count(*) FROM feed_schedule WHERE due_at < now() - interval '5 minutes'"
        overdue = database.execute(text(query)).scalar_one()
        remedy = "Start another 'stockbell worker --catalogs', or look for a feed whose server is slow."
        yield Check("Feeds", overdue == 0, f"{overdue} overdue", remedy)
        for shop_id in database.execute(text("SELECT id FROM shop WHERE feed <> '' ORDER BY id LIMIT 50")).scalars():
            shop = shops.by_id(database, shop_id)
            newest = [sync for sync in catalog.last_syncs(database, shop_id) if sync["state"] != "running"][:1]
            if shop and newest:
                failed = newest[0]["state"] == "failed"
                finding = newest[0]["error"] if failed else newest[0]["state"]
                yield Check(
                    f"Feed of shop {shop_id}",
                    not failed,
                    finding,
                    "Mend the feed; the last good catalog stays.",
                )


def _redis(runtime: Runtime) -> Iterator[Check]:
    remedy = "Start 'stockbell up', or set REDIS_URL."
    try:
        runtime.redis.ping()
        yield Check("Redis", good=True, finding="answers")
        workers = Worker.count(queue=queues.queue(runtime.redis, queues.MESSAGES))
        remedy = "Start 'stockbell worker'; without one nothing is sent."
        yield Check("Workers", workers > 0, f"{workers} for messages", remedy)
        readers = Worker.count(queue=queues.queue(runtime.redis, queues.CATALOGS))
        remedy = "Start 'stockbell worker --catalogs'; without one no feed is read."
        yield Check("Catalogs", readers > 0, f"{readers} worker{'s' * (readers != 1)} for them", remedy)
        if runtime.settings.shopify_client_id:
            askers = Worker.count(queue=queues.queue(runtime.redis, queues.PLATFORMS))
            remedy = "Start 'stockbell worker --platforms'; without one no platform's webhook is handled."
            yield Check("Platforms", askers > 0, f"{askers} worker{'s' * (askers != 1)} for them", remedy)
    except SettingsError as error:
        yield Check("Redis", good=False, finding=str(error), remedy=remedy)
    except RedisError as error:
        yield Check("Redis", good=False, finding=f"not reachable ({type(error).__name__})", remedy=remedy)


def _mail(settings: Settings) -> Check:
    url = settings.smtp_url or read_address(settings, "smtp_url")
    if not url and read_address(settings, MAIL_SERVER_IS_SET):
        finding = "the running 'stockbell up' has one; set STOCKBELL_SMTP_URL here too to have it tried"
        return Check("Mail server", good=True, finding=finding)
    if not url:
        return Check(
            "Mail server",
            good=False,
            finding="none",
            remedy="Set STOCKBELL_SMTP_URL, or start 'stockbell up'.",
        )
    try:
        SMTPChannel(url).connect().close()
    except IntegrationError as error:
        return Check("Mail server", good=False, finding=str(error), remedy="Check STOCKBELL_SMTP_URL.")
    finding = "takes mail" if settings.smtp_url else "the local mailbox takes mail; nothing leaves this machine"
    return Check("Mail server", good=True, finding=finding)


def _address(settings: Settings) -> Check:
    # With the local mailbox nothing leaves this machine, so nobody elsewhere follows a link.
    good = settings.public_url.startswith("https://") or not settings.smtp_url
    remedy = "Set STOCKBELL_BASE_URL to the https address under which browsers reach Stockbell."
    return Check("Public address", good, settings.public_url, remedy)
