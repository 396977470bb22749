"""What an object says of itself: in a terminal, a notebook and a report.

Every room tells of its own objects in a module `cards`, which is loaded when one of
them is first printed. A card has a title, rows and the cards of its parts; text and
HTML are made of it here, and nowhere else.
"""

from typing import TYPE_CHECKING

from hybridctl.lazy import open_room

if TYPE_CHECKING:
    from hybridctl.describe.cards import Card as Card
    from hybridctl.describe.cards import Known as Known
    from hybridctl.describe.cards import card as card
    from hybridctl.describe.cards import draws as draws
    from hybridctl.describe.cards import known_of as known_of
    from hybridctl.describe.cards import label as label
    from hybridctl.describe.cards import names as names
    from hybridctl.describe.cards import picture as picture
    from hybridctl.describe.cards import tells as tells
    from hybridctl.describe.cards import told as told
    from hybridctl.describe.data import plain_data as plain_data
    from hybridctl.describe.fields import call as call
    from hybridctl.describe.fields import fields_card as fields_card
    from hybridctl.describe.fields import units_of as units_of
    from hybridctl.describe.shown import Shown as Shown
    from hybridctl.describe.shown import html as html
    from hybridctl.describe.shown import text as text
    from hybridctl.describe.words import angle as angle
    from hybridctl.describe.words import apart as apart
    from hybridctl.describe.words import number as number
    from hybridctl.describe.words import per as per
    from hybridctl.describe.words import quantity as quantity

open_room(__name__)
