"""Owns the grammar of names: companies, products, people; Latin, Chinese, Japanese, Arabic and Hebrew."""

import random

from dashboard.erp.demo import tongues


def listed(text: str) -> list[str]:
    """Split words that are easier to read without quotes."""
    return text.split()


PLACES = listed(
    """Aachen Bergamo Bilbao Brno Cork Dresden Eindhoven Espoo Gdańsk Ghent Graz Győr Izmir Jaipur Kassel
Košice Leeds Lille Lyon Malmö Monterrey Nantes Oporto Osaka Penang Plzeň Porto Pune Quito Recife Rijeka
São-Paulo Shenzhen Suwon Tampere Turin Valencia Vigo Xiamen Zagreb Zürich"""
)
ROOTS = listed(
    """Alpen Arc Astra Baltic Bright Cedar Delta Ember Falcon Granite Harbor Helio Iron Juniper Kestrel Lumen
Meridian Nimbus North Onyx Orion Pioneer Prime Quartz Ridge Sierra Sol Summit Terra Titan Union Vector
Vega West"""
)
TRADES = listed(
    """Alloys Automation Bearings Cables Castings Ceramics Chemicals Coatings Components Controls Dynamics
Electronics Fasteners Foundry Glass Hydraulics Instruments Logistics Machining Metals Optics Packaging
Plastics Polymers Precision Sensors Springs Steel Textiles Tools"""
)
FORMS = (
    "GmbH",
    "AG",
    "Ltd",
    "S.A.",
    "S.p.A.",
    "B.V.",
    "Oy",
    "AB",
    "Inc.",
    "Kft.",
    "Sp. z o.o.",
    "& Sons",
    "Group",
)
CJK = (
    "深圳精工电子有限公司",
    "上海东方金属制品厂",
    "株式会社山田製作所",
    "大阪精密工業株式会社",
    "한국정밀부품",
)
RTL = ("شركة الخليج للمعادن", "مصنع النور للبلاستيك", "מפעלי הגליל בע״מ", "شرکت فولاد پارس")
KINDS = listed(
    """Adapter Bearing Bolt Bracket Bushing Cable Capacitor Clamp Connector Coupling Cover Flange Fuse Gasket
Gear Grommet Hinge Hose Housing Insert Lever Motor Nut Panel Pin Plate Pump Relay Resistor Ring Rod Seal
Sensor Shaft Sleeve Spacer Spring Switch Tube Valve Washer"""
)
FINISHES = listed(
    """anodised black-oxide brass ceramic chrome galvanised hardened nickel-plated nylon polished stainless
titanium zinc"""
)
FIRST = listed(
    """Ada Amir Ana Björn Chiara Dilnoza Elif Emeka Fatima Greta Hana Igor Jürgen Keiko Leïla Linh Marek Mei
Nadia Noor Olga Omar Priya Rafael Rania Sven Tomás Yuki Zoë"""
)
LAST = listed(
    """Abbas Andersson Bianchi Chen Dubois Farouk García Hansen Ivanova Jansen Kaya Kim Kowalski Lopes Müller
Nakamura Nowak Okafor Patel Rossi Santos Schmidt Silva Tanaka Weber Yildiz"""
)
CATEGORIES = {
    "Metals": ("Steel", "Aluminium", "Copper"),
    "Plastics": ("Granulate", "Moulded parts"),
    "Electronics": ("Passive parts", "Sensors", "Boards"),
    "Fasteners": ("Bolts", "Nuts and washers"),
    "Packaging": ("Boxes", "Films"),
    "Textiles": ("Fabrics", "Ropes"),
    "Chemicals": ("Coatings", "Solvents"),
    "Services": ("Logistics", "Maintenance"),
}
MESSAGES = (
    "Could you confirm the minimum order quantity?",
    "The drawing is attached; tolerances are on page 2.",
    "¿Puede bajar el precio si pedimos más?",
    "请确认交货时间。",
    "納期をご確認ください。",
    "Bitte das Prüfzeugnis 3.1 mitsenden.",
    "يرجى تأكيد موعد الشحن.",
    "Price valid for 30 days, ex works.",
    "Two of five cartons arrived wet, photos follow.",
    "Merci, bien reçu.",
)


def company(rng: random.Random) -> str:
    """Make a company's name; some of a million repeat, as they do in life."""
    place = rng.choice(PLACES)
    middle = rng.choice((rng.choice(ROOTS), rng.choice(LAST), f"{rng.choice(ROOTS)}-{rng.choice(ROOTS)}"))
    return f"{place} {middle} {rng.choice(TRADES)} {rng.choice(FORMS)}"


def person(rng: random.Random) -> str:
    """Make a person's name."""
    return f"{rng.choice(FIRST)} {rng.choice(LAST)}"


def misspelt(rng: random.Random, name: str) -> str:
    """Write a name as somebody in a hurry does: two letters swapped in its longest word."""
    longest = max(name.split(), key=len)
    place = rng.randrange(1, len(longest) - 2)
    swapped = longest[:place] + longest[place + 1] + longest[place] + longest[place + 2 :]
    return name.replace(longest, swapped, 1)


def article(rng: random.Random, language: str = "en") -> str:
    """Make a product's name; the same generator gives the same product in each language."""
    kind, finish = rng.randrange(len(KINDS)), rng.randrange(len(FINISHES))
    kinds, finishes = tongues.KINDS.get(language, KINDS), tongues.FINISHES.get(language, FINISHES)
    return f"{kinds[kind]} {finishes[finish]} {rng.randrange(2, 400)}x{rng.randrange(2, 90)}"
