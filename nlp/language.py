"""Which language a text is in: by script where the script tells, by py3langid for Latin letters only.

Chinese is told apart by characters: those only Simplified or only Traditional text uses (taken from the
OpenCC tables), and those only written Cantonese uses.
"""

from __future__ import annotations

import functools
import re
import unicodedata

import opencc
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from nlp.lexicon import load

SAMPLE = 2_000  # characters looked at: enough to decide, and bounds the time on a 1 MB text
YUE_SHARE = 25  # one Cantonese mark in 25 characters makes a text Cantonese; a quoted word does not
LATIN_SAMPLE = 300  # py3langid walks bytes in Python; its answer hardly changes after three lines

# One letter per script; the counts of these letters decide.
_HAN, _HANS, _HANT = "h", "S", "T"  # in both scripts, in Simplified only, in Traditional only
_NO, _KANA, _LATIN, _CYRILLIC, _ARABIC, _OTHER = "n", "k", "l", "c", "a", " "
_SCRIPTS = {  # Unicode name prefix -> (class letter, language of that script)
    "HANGUL": ("g", "ko"),
    "THAI": ("t", "th"),
    "DEVANAGARI": ("d", "hi"),
    "GREEK": ("e", "el"),
    "HEBREW": ("i", "he"),
    "BENGALI": ("b", "bn"),
    "TAMIL": ("m", "ta"),
    "TELUGU": ("u", "te"),
    "GUJARATI": ("j", "gu"),
    "GURMUKHI": ("p", "pa"),
    "KANNADA": ("f", "kn"),
    "MALAYALAM": ("y", "ml"),
    "SINHALA": ("s", "si"),
    "KHMER": ("q", "km"),
    "LAO": ("o", "lo"),
    "MYANMAR": ("r", "my"),
    "TIBETAN": ("w", "bo"),
    "MONGOLIAN": ("v", "mn"),
    "GEORGIAN": ("x", "ka"),
    "ARMENIAN": ("z", "hy"),
    "ETHIOPIC": ("A", "am"),
}
_BY_LETTER = dict(_SCRIPTS.values())
_PREFIXES = {
    "CJK": _HAN,
    "HIRAGANA": _KANA,
    "KATAKANA": _KANA,
    "LATIN": _LATIN,
    "CYRILLIC": _CYRILLIC,
    "ARABIC": _ARABIC,
} | {name: letter for name, (letter, _) in _SCRIPTS.items()}

# A Chinese character or a syllable of Hangul says about as much as three Latin letters (an English word
# has 4.7 letters, a Chinese word 1.5 characters), so mixed text is weighed, not counted.
_WEIGHT = {_HAN: 3.0, _KANA: 2.0, "g": 2.5}

# Written Cantonese: characters Mandarin hardly has, and words that only Cantonese writes with common ones.
# 煲 咪 嘞 are left out: 肥腸煲, 貓咪 and 好嘞 are Mandarin.
_YUE = re.compile(
    "[嘅咗喺啲嚟嘢哋㗎嗰噉嗮瞓攞氹揸啱嘥喎冚曱甴佢冇攰諗谂畀搵撚屌]|唔(?=[\u4e00-\u9fff])(?!唔)|咁(?=[\u4e00-\u9fff])"
    "|[邊边](?:度|個|个|間|间)|呢(?:個|度|部|套|篇|隻|兩|件|間|支|排|期|啲)|點解|点解|[鍾钟]意|而家|乜(?:嘢|野)|點知"
    "|(?<![關关聯联干体體])係(?![統數列])|(?<![\u4e00-\u9fff])咩|好(?:撚|正(?![常确確在好]))|[幾好]靚|抵食|睇|頭先|[琴尋聽]日|點[樣算解]|幾[時多]|得閒|仲(?=[有未係勁好要])|俾(?=[我你佢人])"
)
_LISTS = load("language")
_ENGLISH = frozenset(_LISTS["english_words"].split())
_SHARED = frozenset(_LISTS["shared_characters"])
_NOISE = re.compile(r"https?://\S{0,2000}|www\.\S{0,2000}|[@#][\w.\-]{1,60}|\[[\w ]{1,10}\]", re.ASCII)
_MARKED = re.compile("[@#\\[]|http|www")
_WORD = re.compile(r"[a-z']+")


def known_languages() -> frozenset[str]:
    """Everything that `detect` can say."""
    by_letters = "zh-Hans zh-Hant yue-Hans yue-Hant ja ru uk be sr kk ar ur fa"
    return frozenset((*by_letters.split(), *_BY_LETTER.values(), *_LISTS["latin_languages"].split()))


def detect(text: str) -> str | None:
    """The language most of `text` is written in, or None when that cannot be told (emoji, digits, "").

    "zh-Hans", "zh-Hant", "yue-Hant", "yue-Hans", "en", or another ISO 639-1 code. Total and bounded: only
    the first 2,000 characters are looked at. Chinese that both scripts share is "zh-Hans".
    """
    sample = text[:SAMPLE]
    if _MARKED.search(sample):
        sample = _NOISE.sub(" ", sample)
    classes = sample.translate(_classes())
    counts = {letter: classes.count(letter) for letter in set(classes) if letter != _OTHER}
    if not counts:
        return None
    hans, hant = counts.pop(_HANS, 0), counts.pop(_HANT, 0)
    if hans or hant:
        counts[_HAN] = counts.get(_HAN, 0) + hans + hant
    top = _dominant(counts)
    if top == _HAN:
        return _chinese(sample, counts[_HAN], hans, hant)
    if top == _LATIN:
        return _latin(sample, counts[_LATIN])
    return {_KANA: "ja", _CYRILLIC: _cyrillic(sample), _ARABIC: _arabic(sample)}.get(top) or _BY_LETTER.get(top)


def _dominant(counts: dict[str, int]) -> str:
    """The class that says most, "" when there is none. Han beside enough kana counts as Japanese."""
    # の alone decorates Chinese shop names; it is kana only beside other kana.
    no = counts.pop(_NO, 0)
    if _KANA in counts:
        counts[_KANA] += no
    kana, han = counts.get(_KANA, 0), counts.get(_HAN, 0)
    if kana * 5 >= han + kana > 0:
        counts[_KANA] = kana + counts.pop(_HAN, 0)
    return max(counts, key=lambda letter: (counts[letter] * _WEIGHT.get(letter, 1.0), letter), default="")


def _chinese(sample: str, han: int, hans: int, hant: int) -> str:
    yue = len(_YUE.findall(sample))
    if yue and yue * YUE_SHARE >= han and (hant >= hans or yue >= 2):
        return "yue-Hans" if hans > hant else "yue-Hant"
    return "zh-Hant" if hant > hans else "zh-Hans"


def _latin(sample: str, letters: int) -> str | None:
    if letters < 2:
        return None
    words = _WORD.findall(sample.lower())
    if sum(map(_ENGLISH.__contains__, words)) * 4 >= max(len(words), 4):
        return "en"
    language, confidence = _identifier().classify(sample[:LATIN_SAMPLE])
    # Two or three words ("Nice latte", a product name) are beyond n-gram statistics: English is the prior.
    if sample.isascii() and confidence < (0.6 if len(words) < 4 else 0.3):
        return "en"
    return str(language)


def _cyrillic(sample: str) -> str:
    lower = sample.lower()
    for letters, language in (("іїєґ", "uk"), ("ў", "be"), ("ђћљњџј", "sr"), ("қәңұ", "kk")):
        if any(letter in lower for letter in letters):
            return language
    return "ru"


def _arabic(sample: str) -> str:
    if any(letter in sample for letter in "ٹڈڑےں"):
        return "ur"
    return "fa" if any(letter in sample for letter in "پچژگ") else "ar"


class _Classes(dict[int, str]):
    """Code point -> class letter, filled as characters are met. Only the basic plane is remembered: the rest
    is rare, and this bounds the memory."""

    def __missing__(self, code: int) -> str:
        letter = _script(chr(code))
        if code < 0x10000:
            self[code] = letter
        return letter


def _script(character: str) -> str:
    if character == "の":
        return _NO
    if not character.isalpha():
        return _OTHER
    simplified, traditional = _chinese_scripts()
    if character in simplified:
        return _HANS
    if character in traditional:
        return _HANT
    name = unicodedata.name(character, "")
    return _PREFIXES.get(name.split(" ", 1)[0].split("-", 1)[0], _OTHER)


@functools.cache
def _classes() -> _Classes:
    return _Classes()


@functools.cache
def _chinese_scripts() -> tuple[frozenset[str], frozenset[str]]:
    """Characters that only Simplified, and that only Traditional text uses."""
    characters = [chr(code) for code in range(0x4E00, 0xA000)]
    joined = "\n".join(characters)  # one by one, so that no phrase rule of OpenCC applies
    to_simplified = opencc.OpenCC("t2s").convert(joined).split("\n")
    to_traditional = opencc.OpenCC("s2t").convert(joined).split("\n")
    traditional = {c for c, other in zip(characters, to_simplified, strict=True) if c != other}
    simplified = {c for c, other in zip(characters, to_traditional, strict=True) if c != other}
    return (frozenset(simplified - traditional - _SHARED), frozenset(traditional - _SHARED))


@functools.cache
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_LISTS["latin_languages"].split())
    return identifier
