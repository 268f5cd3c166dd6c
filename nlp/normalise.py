"""The one text form the sentiment model reads, in training and in service alike."""

import functools
import html
import re
import unicodedata

import opencc

MAX_RAW = 100_000  # characters looked at: bounds the time of every step below
MAX_CHARS = 2_000  # characters kept: more than the model's token limit in any script
HEAD = 1_400  # of a longer text the beginning and the end are kept: verdicts stand there

# ASCII only and not ending in punctuation: a Chinese text often goes on right after an address.
_URL = re.compile(r"(?:https?://|www\.)[!#-&(-;=?-~]{1,2000}(?<![!-.:;?@\]])", re.IGNORECASE)
# A name ends where Weibo and Twitter end it: at the first character that is no letter, digit, _ or -.
_NAME = re.compile(r"(?<![\w.])@[\w-]{1,30}")
_EMOTICON = re.compile(r"\[([^\W_]{1,8})\]")
_REPEAT = re.compile(r"(\D)\1{3,}", re.DOTALL)  # digits stay: 10000 is not 1000
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\uffff"
    "\ud800-\udfff\U0001f3fb-\U0001f3ff\U000e0000-\U000e01ef]"
)
_MARKER = re.compile(r"</?s>|<(?:pad|mask|unk)>")  # pieces with a meaning to the model, not words of a text
_KANA = re.compile("[\u3040-\u30ff]")
_SPACE = re.compile(r"\s+")

# Weibo names whose words say something else than the picture means.
_EMOTICON_WORDS = {
    "允悲": "😂",
    "笑cry": "😂",
    "笑哭": "😂",
    "doge": "🐶",
    "狗头": "🐶",
    "二哈": "🐶",
    "good": "👍",
    "ok": "👌",
    "捂脸": "🤦",
    "吃瓜": "🍉",
    "心": "❤",
    "泪": "流泪",
    "衰": "倒霉",
    "汗": "😓",
    "晕": "😵",
    "怒": "愤怒",
}


def for_model(text: str) -> str:
    """Normalise `text` for the model: pure, total (any str), at most MAX_CHARS characters.

    NFKC; Traditional to Simplified Chinese (not in Japanese, told by its kana); emoji and Weibo
    [names] kept as words; URLs become "http" and @names "@user", as in the TweetEval training
    texts; invisible characters dropped; a run of one character cut to three.
    """
    text = _REPEAT.sub(r"\1\1\1", _INVISIBLE.sub("", text[:MAX_RAW]))
    text = _shorten(unicodedata.normalize("NFKC", html.unescape(_shorten(text))))
    text = _INVISIBLE.sub("", _NAME.sub("@user ", _URL.sub(" http ", text)))
    text = _EMOTICON.sub(_emoticon_words, _MARKER.sub(" ", text))
    if not _KANA.search(text):
        text = _simplifier().convert(text)
    return _shorten(_REPEAT.sub(r"\1\1\1", _SPACE.sub(" ", text))).strip()


def strip_emoticons(text: str) -> str:
    """`text` without Weibo [names]: for training sets whose labels were made from them."""
    return _EMOTICON.sub(" ", text)


def _shorten(text: str) -> str:
    if len(text) <= MAX_CHARS:
        return text
    return text[:HEAD] + text[HEAD - MAX_CHARS :]


def _emoticon_words(match: re.Match[str]) -> str:
    name = match[1]
    return f" {_EMOTICON_WORDS.get(name.lower(), name)} "


@functools.cache
def _simplifier() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")
