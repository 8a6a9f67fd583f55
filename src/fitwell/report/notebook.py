"""A run as a notebook shows it: the verdict, and the pictures that say most, with nothing from elsewhere."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from itertools import islice

from jinja2 import Environment
from markupsafe import Markup

from fitwell.report.drawing import complete
from fitwell.report.explained import importance_pictures
from fitwell.report.learning import learning_pictures
from fitwell.report.picture import Contents, Picture
from fitwell.report.pictures import svg
from fitwell.report.standing import standing_pictures
from fitwell.report.theme import FONT, LIGHT
from fitwell.report.verdict import headline, measured_on, primary_figure, standing_sentence

SHOWN: tuple[Callable[[Contents], Iterator[Picture]], ...] = (standing_pictures, importance_pictures, learning_pictures)

# Colors stand in the elements: notebooks strip style sheets, and pictures bring their own paper.
TEMPLATE = """
<div style="background:{{ paper }};color:{{ ink }};font-family:{{ font }};padding:12px 16px;max-width:900px">
<p style="margin:0;color:{{ soft }}">{{ source }} · predicting {{ target }}</p>
<p style="font-size:1.4em;font-weight:600;margin:.2em 0">{{ headline }}</p>
{% if figure %}<p style="margin:.2em 0"><b>{{ figure.name }} {{ figure.value }}</b>
{% if figure.interval %}(95 % interval {{ figure.interval }}){% endif %}, {{ measured_on }}.
{{ standing }}</p>{% endif %}
<div style="display:flex;flex-wrap:wrap;align-items:flex-start;gap:16px;margin-top:8px">
{% for picture in pictures %}<img alt="{{ picture.title }}. {{ picture.says }}" src="{{ image(picture) }}">{% endfor %}
</div>
<p style="margin:.4em 0 0;color:{{ soft }}">run.report("report.html") writes the whole report.</p>
</div>
"""


def compact(contents: Contents) -> str:
    """Return the run as a piece of HTML without scripts."""
    pictures = [picture for family in SHOWN for picture in islice(family(contents), 1)]
    measured = contents.evaluation is not None
    return (
        Environment(autoescape=True)
        .from_string(TEMPLATE)
        .render(
            paper=LIGHT["paper"],
            ink=LIGHT["ink"],
            soft=LIGHT["soft"],
            font=FONT.replace('"', "'"),
            source=contents.data["source"],
            target=", ".join(contents.data["targets"]["names"]),
            headline=headline(contents),
            figure=primary_figure(contents) if measured else None,
            measured_on=measured_on(contents),
            standing=standing_sentence(contents),
            pictures=pictures,
            image=_image,
        )
    )


def _image(picture: Picture) -> Markup:
    """Return a picture as an address that holds it: as an image, nothing in it can run."""
    return Markup(f"data:image/svg+xml;base64,{b64encode(svg(complete(picture)).encode()).decode()}")
