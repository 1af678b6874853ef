"""Product pictures, drawn: the demo shop fetches nothing from elsewhere."""

_FIGURES = {
    "mug": '<path d="M120 130h130v110a40 40 0 0 1-40 40h-50a40 40 0 0 1-40-40z"/>'
    '<path d="M250 155h20a35 35 0 0 1 0 70h-20" fill="none" stroke-width="18"/>',
    "sweater": '<path d="M150 105l-75 40 18 110 37-8v60h140v-60l37 8 18-110-75-40c-20 24-80 24-100 0z"/>'
    '<path d="M140 270h120M140 288h120" stroke="#fff" stroke-opacity=".45" stroke-width="5"/>',
    "throw": '<path d="M90 120q110-40 220 0v150q-110 40-220 0z"/>'
    '<path d="M90 160q110-40 220 0M90 200q110-40 220 0M90 240q110-40 220 0" fill="none" stroke="#fff" '
    'stroke-opacity=".4" stroke-width="6"/>',
    "tray": '<rect x="70" y="150" width="260" height="110" rx="24"/>'
    '<path d="M100 185q60-20 110 0t90 0M100 215q70 24 120 0t80 4" fill="none" stroke="#fff" '
    'stroke-opacity=".35" stroke-width="5"/>',
    "beanie": '<path d="M110 230c0-150 180-150 180 0z"/>'
    '<rect x="98" y="222" width="204" height="52" rx="16"/>'
    '<path d="M140 232v32M170 232v32M200 232v32M230 232v32M260 232v32" stroke="#fff" stroke-opacity=".4" '
    'stroke-width="5"/>',
    "candle": '<rect x="150" y="170" width="100" height="130" rx="12"/>'
    '<path d="M200 170v-22" stroke-width="6"/>'
    '<path d="M200 90c24 28 22 52 0 58-22-6-24-30 0-58z" fill="#f2c14e"/>',
}


def picture(shape: str, background: str, figure: str) -> str:
    """An SVG of 400 by 400 units."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" role="img">'
        f'<rect width="400" height="400" fill="{background}"/>'
        '<ellipse cx="200" cy="312" rx="120" ry="12" fill="#000" opacity=".08"/>'
        f'<g fill="{figure}" stroke="{figure}" stroke-width="0" stroke-linecap="round">'
        f"{_FIGURES[shape]}</g></svg>"
    )
