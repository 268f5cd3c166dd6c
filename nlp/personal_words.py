"""Rules for what words announce: e-mail, WeChat and QQ ids, addresses, names."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from nlp.personal import HAN, LISTS, Found, an_amount
from nlp.personal_numbers import DAY, phones

_SURNAMES = frozenset("".join(LISTS["surnames"]))
_ROLES = frozenset(LISTS["roles"])
_FILES = frozenset(LISTS["file_endings"])  # icon@2x.png is no address

# --- e-mail

_EMAIL = re.compile(
    r"(?<![\w.+\-@])[\w.+\-]{1,64}@((?:[a-z0-9\-]{1,63}\.){1,4}([a-z]{2,10}))(?![\w@])", re.I | re.A
)
# Spelt so that no machine reads it. Without brackets only at well-known hosts: "look at me dot com" is talk.
_HOSTS = "gmail|qq|163|126|outlook|hotmail|yahoo|icloud|foxmail|sina"
_EMAIL_SPELT = re.compile(
    rf"(?<![\w.+\-@])(?P<who>[\w.+\-]{{2,64}})"
    rf"(?:(?: ?[(\[](?:at|a|艾特)[)\]] ?| ?@ ?|#|艾特| at )(?P<host>{_HOSTS})"
    r"| ?[(\[](?:at|艾特)[)\]] ?(?P<other>[\w\-]{2,63}))"
    r"(?: ?\. ?| ?[(\[](?:dot|点|點)[)\]] ?|点|點| dot )(?P<end>com|cn|net|org|io)(?![\w@])",
    re.I | re.A,
)


def emails(text: str) -> Iterator[Found]:
    if "@" in text:
        for m in _EMAIL.finditer(text):
            if m[2].lower() not in _FILES:
                yield Found(m.start(), m.end(), "email", m[0].lower())
    for m in _EMAIL_SPELT.finditer(text):
        yield Found(m.start(), m.end(), "email", f"{m['who']}@{m['host'] or m['other']}.{m['end']}".lower())


# --- WeChat and QQ

_HEART = "[❤♥💗💚💕]\ufe0f?"
_POINTER = r"(?:→|->|👉|➡\ufe0f?|[(【「])?"
_WECHAT = re.compile(
    r"(?P<add>[加➕+](?:我|个|一下|下)?\s?)?"
    rf"(?:[微薇威徽]\s?(?:信|{_HEART}|x)|卫星号?|绿泡泡|绿色软件|(?<=[加➕+])[微薇威徽]|we ?chat|wei ?xin"
    rf"|(?<![a-z0-9])(?:wx|vx|v信|v{_HEART}|v(?=\s?[:+])|(?<=[加➕+])v))"
    r"(?:[/、和]?\s?qq)?(?P<said>[账帐賬帳]?[号號][码碼]?|\s?id|同号|搜索?)?(?:\s?加我?)?"
    rf"\s{{0,2}}(?P<sep>[是为]?[:=+]|是|为|is(?= ))?{_POINTER}\s{{0,2}}"
    r"(?P<id>[a-z][a-z0-9_\-]{5,19}|\d{1,11}_[a-z0-9_\-]{2,16}|[1-9]\d{4,10})(?![a-z0-9_\-.@/])",
    re.I | re.A,
)
_WXID = re.compile(r"(?<![a-z0-9])wxid_[a-z0-9]{6,20}", re.I | re.A)
# What stands after 微信 in talk about it: what it runs on, a date, a round number.
_NO_ID = re.compile(
    rf"(?:android|iphone|ipad|ios|macos|mac|windows|win|harmonyos|harmony|version|ver)\d*|{DAY.pattern}|\d{{5}}|\d+000",
    re.I | re.A,
)


def wechats(text: str) -> Iterator[Found]:
    for m in _WXID.finditer(text):
        yield Found(m.start(), m.end(), "wechat")
    for m in _WECHAT.finditer(text):
        told = m["add"] or m["said"] or (m["sep"] and m["sep"] != "is")
        likely = any(c in "0123456789_" for c in m["id"]) and not _NO_ID.fullmatch(m["id"])
        if (told or likely) and not an_amount(text, m.start("id"), m.end("id")):
            yield Found(m.start("id"), m.end("id"), "wechat")


_QQ = re.compile(
    r"(?:(?<![a-z])(?:qq|q(?=[群号號]|\s?[:+])|(?<=[加我])q)|扣扣|蔻蔻|抠抠|企鹅"
    r"|(?<=加)🐧|🐧(?=\s?[:号])|[扣抠](?=群|\s?[:+]|\d{7})|(?<=加)群号)"
    rf"(?P<said>(?:号码?|號碼?|群)?(?:号|號)?\s{{0,2}}[:是为加+]?{_POINTER})\s{{0,2}}"
    r"(?P<id>[1-9]\d{4,10}(?!\d)|(?:(?<=[:(【「])|(?<=: ))[1-9]\d{1,3}(?: \d{3,4}){1,3}(?! ?\d))",
    re.I | re.A,
)


def qqs(text: str) -> Iterator[Found]:
    for m in _QQ.finditer(text):
        told = m["said"].strip()
        a_day = not told and DAY.fullmatch(m["id"])
        if (told or " " not in m["id"]) and not a_day and not an_amount(text, m.start("id"), m.end("id")):
            yield Found(m.start("id"), m.end("id"), "qq")


# --- addresses: a shop's is public and stays. A person's has a flat number, or is said to be one's own.

_BUILDING = (
    r"(?:(?<![月\d])\d{1,4}|[A-Z])\s?(?:号楼|號樓|栋|棟|幢|座|弄|号|號|[单單]元|楼(?=\s?\d{1,2}\s?门))\s?"
    r"(?:\d{1,2}\s?门\s?(?=\d))?"
)
_FLOOR = r"\d{1,2}\s?[楼樓层層]\s?"
_ROOM = r"(?:[A-Z]?\d{2,4}|[A-Z])\s?(?:室|号房|房|户|戶)"
_FLAT = re.compile(
    rf"(?:{_BUILDING}){{1,3}}(?:{_FLOOR})?(?:{_ROOM}|[A-Z]?\d{{3,4}}(?![\d铺舖店号號年月日元块人次个件折楼层]))"
    rf"|{_FLOOR}{_ROOM}"
    r"|\d{1,4}[\-－]\d{1,3}[\-－]\d{2,4}\s?室|\d{1,2}\s?[单單]元\s?\d{2,4}\s?(?:室|号|號)?",
    re.A,
)
_PLACE = rf"(?P<place>[{HAN}A-Za-z0-9\-－() ]{{4,60}})"
_OWN = re.compile(
    r"(?:(?:收货|收貨|收件|邮寄|寄件|家庭|配送|我家|我的?|我嘅)地址|住址|家住|(?:我|[她他]|我们)?家[在喺]|屋企喺"
    r"|我住[在喺]?|住[在喺]|现住|(?:请|麻烦)寄|寄[到去给往至]|(?:^|(?<=[\s，。！,.]))寄|快递[到放]|送[货貨]?[到去]|发到|住(?=[^院宿])"
    r"|地址[係是])"
    rf"[\s:是在係]{{0,3}}{_PLACE}"
)
# An address that is only called one belongs to who else is named in the text: a recipient, or a shop.
_CALLED = re.compile(rf"(?<![店铺舖])地址[\s:是在为]{{0,3}}{_PLACE}")
_RECIPIENT = re.compile("[收寄取][件货貨餐]人|姓名")
_SHOP = re.compile(
    "店|馆|餐厅|餐廳|火锅|咖啡|商场|广场|公司|集团|中心|营业|预[约订]|订[座位]|欢迎|导航|地铁|停车|招[聘商]|加盟|面试|活动|时间|人均|门票|开业|📍"
)
_MOBILE = re.compile(r"\+861[3-9]")
_ROAD = re.compile(
    rf"[路街道巷弄村镇鎮區区苑園园里城段][{HAN}A-Za-z]{{0,12}}\d{{1,5}}\s?(?:号|號|栋|棟|幢|座|弄|巷|室|楼|樓|[\-－]\d)",
    re.A,
)
_PUBLIC = re.compile("酒店|宾馆|賓館|民宿|飯店|饭店|商场|門市|门店|旗舰店")
_LAST_NUMBER = re.compile(
    r"(?:\d{1,5}(?:[\-－]\d{1,4}){0,2}|[A-Z])\s?(?:号楼|號樓|[号號栋棟幢座弄巷室房户戶楼樓层層]|[单單]元)(?:附\d{1,3}号|之\d{1,2})?"
    r"|(?<=[号號栋棟幢座楼樓元门])[A-Z]?\d{1,4}(?:[\-－]\d{1,4})?(?!\d)",
    re.A,
)
_ADDRESS_EN = re.compile(
    r"(?:(?P<own>my (?:home )?address(?: is)?|liv(?:e|ing) (?:at|on)"
    r"|(?:ship|deliver|mail|send|post)(?:ped|ed)?(?: it| them| the \w{1,20})? to)[:\s]{1,3})?"
    r"(?P<place>(?<![\w.$])\d{1,5}[A-Za-z]? (?:[A-Za-z0-9.']{1,20} ){1,4}"
    r"(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|court|ct)\b\.?"
    r"(?P<flat>,? (?:apt|apartment|unit|flat|suite|#)\.? ?[\w\-]{1,6})?)",
    re.I | re.A,
)


# Bare digits after 号 are a flat only where a road or a place to live is named: 周五8号 199 is a day and a price.
_NUMERAL = "一二三四五六七八九十"
_BARE = re.compile(r"\d{1,4}\s?[号號]\s?[A-Z]?\d{3,4}", re.A)
_ROAD_BEFORE = re.compile(
    rf"(?:(?<![线線网思套])路|街|巷|弄|胡同|苑|村|庄|[大街]道|[东西南北中]道|(?<![乐公儿])[园園]|[小社{_NUMERAL}东西南北A-Z][区區]"
    rf"|公寓|大[厦廈]|(?<![这那哪店])里)(?:[{_NUMERAL}东西南北中]{{1,2}}[段期])?\s?$"
)


def addresses(text: str) -> Iterator[Found]:
    yield from _own_addresses(text)
    for m in _FLAT.finditer(text):
        start = _address_start(text, m.start())
        lead = text[start : m.start()]
        # a flat number without a place before it says nothing
        if len(lead) >= 2 and (not _BARE.fullmatch(m[0]) or _ROAD_BEFORE.search(lead)):
            yield Found(start, m.end(), "address")
    for m in _ADDRESS_EN.finditer(text):
        if m["own"] or m["flat"]:
            yield Found(m.start("place"), m.end("place"), "address")


def _own_addresses(text: str) -> Iterator[Found]:
    called = _CALLED.finditer(text) if _CALLED.search(text) and _is_somebodys(text) else ()
    for m in itertools.chain(_OWN.finditer(text), called):
        if _ROAD.search(m["place"]) and not _PUBLIC.search(m["place"]):
            numbers = [number.end() for number in _LAST_NUMBER.finditer(m["place"])]
            if numbers:
                yield Found(m.start("place"), m.start("place") + numbers[-1], "address")


def _is_somebodys(text: str) -> bool:
    return _RECIPIENT.search(text) is not None or (
        not _SHOP.search(text) and any(_MOBILE.match(phone.contact or "") for phone in phones(text))
    )


_LEAD = re.compile(rf"[{HAN}\dA-Za-z]{{0,28}}$", re.A)
_LEAD_WORD = re.compile(
    r"住在|寄到|寄去|寄给|送到|送去|快递到|快递放|放在|发到|我住|家住|住址|地址|位于|就在|住(?=[^宅院])|[在到是喺係寄]"
)


def _address_start(text: str, end: int) -> int:
    lead = _LEAD.search(text[max(0, end - 28) : end])
    words = lead[0] if lead else ""
    cut = max((m.end() for m in _LEAD_WORD.finditer(words)), default=0)
    return end - len(words) + cut


# --- names

_AFTER_NAME = "先生|女士|小姐|电话|電話|手机|手機|地址|联系|微信|住[址在于]|家住|身份证|邮箱"
_NAME = re.compile(
    r"(?P<word>[收寄][件货貨]人|取[餐货貨]人|[联聯][系絡络繫]人|姓名)(?:姓名)?"
    r"(?P<sep>\s?[是为為]?[:：]\s?|\s?[(【「]\s?|[是为為]|\s|)"
    rf"(?P<name>(?![见見详詳同如请請暂暫未待另略不没沒无無空联聯])(?:[{HAN}]{{1,8}}?(?:[·•・‧][{HAN}]{{1,8}}?){{1,3}}"
    rf"|[{HAN}·]{{2,4}}?|[{HAN}] (?!{_AFTER_NAME})[{HAN}]{{1,2}}?)"
    rf"|[A-Z][A-Za-z'\-]{{1,20}}(?: [A-Z][A-Za-z'\-]{{1,20}})?)"
    rf"(?=[^{HAN}·•・‧A-Za-z]|$|{_AFTER_NAME})"
)
_DOUBLE_SURNAME = re.compile("欧阳|歐陽|上官|司马|司馬|司徒|诸葛|諸葛|慕容|夏侯|皇甫|公孙|令狐")
_NAME_EN = re.compile(
    r"(?:[Rr]ecipient|[Cc]onsignee|[Cc]ontact(?: name| person)?|A(?:ttn|TTN)|[Ff]ull name|(?<![a-z] )[Nn]ame)"
    r"\s?:\s?"
    r"(?P<name>[A-Z][A-Za-z'\-]{1,20}(?: [A-Z][A-Za-z'\-]{1,20}){1,2})"
)
# Without a colon only where a line or sentence begins, and none of the words that mail programs go on with.
_NAME_BARE = re.compile(
    r"(?:^|(?<=[\n.,;:!?。]))\s?[Rr]ecipient "
    r"(?P<name>(?!(?:Not|Address|Country|Name|Email|Mail|Mailbox|Server|City|State|Phone|Details|Is|Was|Has|Did|No"
    r"|Rejected|Refused|Unknown|Unavailable|Information|United|New)\b)[A-Z][a-z'\-]{1,20} [A-Z][A-Za-z'\-]{1,20})"
    r"(?! [A-Z])"
)
_SURNAMES_IN_LATIN = (
    "zhang|wang|li|zhao|liu|chen|yang|huang|zhou|wu|xu|sun|hu|zhu|gao|lin|he|guo|ma|luo|liang|song|zheng|xie|han|tang"
    "|feng|yu|dong|xiao|cheng|cao|yuan|deng|fu|shen|zeng|peng|lu|su|jiang|cai|jia|ding|wei|xue|ye|yan|pan|du|dai|xia"
    "|zhong|tian|ren|fan|fang|shi|yao|tan|liao|zou|xiong|jin|hao|kong|bai|cui|mao|qiu|qin|gu|hou|shao|meng|long|wan"
    "|duan|lei|qian|yin|yi|chang|qiao|lai"
)
_NAME_IN_LATIN = re.compile(
    r"(?:[收寄][件货貨]人|[联聯][系絡络繫]人|姓名)(?:姓名)?\s?[:：]\s?"
    rf"(?P<name>(?:{_SURNAMES_IN_LATIN}) [a-z]{{2,12}})(?![a-z\d])"
)


def names(text: str) -> Iterator[Found]:
    for m in _NAME.finditer(text):
        if m["name"] not in _ROLES and (":" in m["sep"] or _begins_like_a_name(m)):
            yield Found(m.start("name"), m.end("name"), "name")
    for pattern in (_NAME_EN, _NAME_BARE, _NAME_IN_LATIN):
        for m in pattern.finditer(text):
            yield Found(m.start("name"), m.end("name"), "name")


def _begins_like_a_name(m: re.Match[str]) -> bool:
    name = m["name"]
    double = _DOUBLE_SURNAME.match(name) or "·" in name
    known = double or (name[0] in _SURNAMES and (len(name) <= 3 or m["sep"] in ("", "是", " ")))
    return bool(known) and bool(m["sep"] or m["word"][0] in "收寄")
