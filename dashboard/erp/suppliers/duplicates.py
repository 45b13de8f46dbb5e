"""Finds suppliers that look like one, by what they share, and remembers the pairs with their evidence.

Candidates come from shared keys, never from comparing all with all: the tax id, the mail or web domain, the
telephone number, and the words of the name less one, of which the first or the last letter must agree, so
that one misspelt word is found. Only candidates are scored. A key that many share says nothing.
"""

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session


def _listed(text: str) -> list[str]:
    """Split words that are easier to read without quotes."""
    return text.split()


TELLING = 20
"""A tax id, domain or number that more suppliers share is a placeholder."""
CROWD = 200
LEAST_NAME = 0.7
LEAST_SCORE = 30
POINTS = {"tax_id": 60, "email": 45, "domain": 30, "phone": 30, "name": 50, "other_tax_id": -15}
LEGAL_FORMS = _listed(
    """gmbh mbh ag kg kgaa ohg ug se ek eg co company corp corporation inc incorporated ltd limited llc llp lp
plc sa sas sarl srl spa sl slu sc cv de bv nv vof ab oy oyj as asa aps kft zrt bt nyrt sro doo dd ood
eood zoo sp z o spzoo oo pty pte pvt private sdn bhd kk gk ltda sapi eirl the and und et y"""
)
FREE_MAIL = _listed(
    """gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com yahoo.co.uk ymail.com
icloud.com me.com mac.com aol.com gmx.de gmx.net gmx.com gmx.at gmx.ch web.de t-online.de freenet.de
posteo.de mail.com mail.ru yandex.ru yandex.com proton.me protonmail.com zoho.com qq.com 163.com 126.com
sina.com foxmail.com naver.com daum.net hanmail.net orange.fr wanadoo.fr free.fr laposte.net libero.it
virgilio.it tiscali.it wp.pl o2.pl onet.pl interia.pl seznam.cz centrum.cz bluewin.ch telenet.be
skynet.be uol.com.br terra.com.br"""
)

_REFRESH = text(Path(__file__).with_name("sql").joinpath("duplicates.sql").read_text())


def refresh(session: Session) -> int:
    """Look through all live suppliers of the tenant and store the pairs found; those dismissed stay so.

    Returns how many pairs there are, dismissed ones among them.
    """
    # Nothing is known of the rows made on the way: without this they would be joined one by one.
    for setting in ("enable_nestloop TO off", "work_mem TO '64MB'"):
        session.execute(text(f"SET LOCAL {setting}"))
    forms = "|".join(LEGAL_FORMS)
    values = {
        "free_mail": FREE_MAIL,
        "legal_forms": f"\\m({forms})\\M",
        "telling": TELLING,
        "crowd": CROWD,
        "least_name": LEAST_NAME,
        "least_score": LEAST_SCORE,
    } | {f"points_{kind}": points for kind, points in POINTS.items()}
    return session.scalar(_REFRESH, values) or 0
