"""How people write kinds of cells, and the words that they mean."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_GREEK = dict(zip(map(chr, range(0x3B1, 0x3B5)), ("alpha", "beta", "gamma", "delta"), strict=True))
_DASHES = dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-")
_NEGATIVE = "~"
_HIGH, _LOW = ":high", ":low"
#: A word that is written as another one, or as several.
_WORDS = {
    "astro": "astrocyte",
    "baso": "basophil",
    "cdc": "conventional dendritic",
    "centre": "center",
    "ctl": "cytotoxic t",
    "dc": "dendritic",
    "eos": "eosinophil",
    "fibro": "fibroblast",
    "gdt": "gamma delta t",
    "haematopoietic": "hematopoietic",
    "hsc": "hematopoietic stem",
    "ilc": "innate lymphoid",
    "ilc1": "group 1 innate lymphoid",
    "ilc2": "group 2 innate lymphoid",
    "ilc3": "group 3 innate lymphoid",
    "mac": "macrophage",
    "mait": "mucosal invariant t",
    "mega": "megakaryocyte",
    "mk": "megakaryocyte",
    "mono": "monocyte",
    "neut": "neutrophil",
    "nk": "natural killer",
    "nkt": "natural killer t",
    "oligo": "oligodendrocyte",
    "opc": "oligodendrocyte precursor",
    "pdc": "plasmacytoid dendritic",
    "plt": "platelet",
    "rbc": "erythrocyte",
    "smc": "smooth muscle",
    "tcm": "central memory t",
    "tem": "effector memory t",
    "tfh": "t follicular helper",
    "treg": "regulatory t",
    "vsmc": "vascular smooth muscle",
}
#: Genes whose protein has a name of its own.
_MARKERS = {
    "cd8a": "cd8", "cd8b": "cd8", "fcgr3a": "cd16", "il2ra": "cd25", "il7r": "cd127",
    "itgax": "cd11c", "ms4a1": "cd20", "ncam1": "cd56", "ptprc": "cd45",
}  # fmt: skip
#: A word that means another one beside a word.
_BESIDE = (
    ("t", "ab", "alpha beta"),
    ("t", "gd", "gamma delta"),
    ("t", "reg", "regulatory"),
    ("b", "gc", "germinal center"),
)
_LEFT_OUT = {"cell", "the", "a"}
_T_HELPER = re.compile(r"th(\d+)")
_BARE_MARKER = re.compile(r"cd\d+[a-z]{0,2}")
_WORD = re.compile(r"[a-z0-9]+(?:[+~]|:high|:low)?")
_DIGIT = re.compile(r"\d")
_PRESENT = re.compile(r"(?<=[a-z0-9])[-\s]*\b(?:positive|pos)\b")
_ABSENT = re.compile(r"(?<=[a-z0-9])[-\s]*\b(?:negative|neg)\b")
_MUCH = re.compile(r"(?<=\d)[-\s]*(?:bright|high|hi)\b")
_LITTLE = re.compile(r"(?<=\d)[-\s]*(?:low|lo|dim)\b")
_MINUS = re.compile(r"(\d[a-z]{0,2})-(?=$|[\s,/;)])")


def plain(text: str) -> str:
    """A label without what spellings differ in: case, hyphens and underscores, plural.

    Examples
    --------
    >>> plain("T-cells"), plain("CD14+_Monocytes")
    ('t cell', 'cd14+ monocyte')
    """
    words = re.split(r"[\s_\-]+", _letters(text).strip())
    return " ".join(map(_singular, words))


def words_of(text: str) -> frozenset[str]:
    """The words that a label means, whatever their order; ``+`` and ``~`` end what is there or not.

    Examples
    --------
    >>> sorted(words_of("CD4+ T-cells")), sorted(words_of("T cell, CD4-positive"))
    (['cd4+', 't'], ['cd4+', 't'])
    >>> sorted(words_of("CD45RA-negative NK")), sorted(words_of("gdT"))
    (['cd45ra~', 'killer', 'natural'], ['delta', 'gamma', 't'])
    """
    text = _signs(_letters(text).replace("_", " "))
    every = {one for word in _WORD.findall(text) for one in _meant(word)}
    if every & {"t", "b"}:
        every.discard("lymphocyte")
    for beside, word, meant in _BESIDE:
        if beside in every and word in every:
            every = (every - {word}) | set(meant.split())
    return frozenset(every)


def parts_of(text: str) -> list[str]:
    """The parts of a label that may name several kinds of cells.

    Examples
    --------
    >>> parts_of("T/NK cells"), parts_of("B cell and plasma cell"), parts_of("CD4+ T")
    (['T', 'NK cells'], ['B cell', 'plasma cell'], ['CD4+ T'])
    """
    return [one for one in re.split(r"\s*[/&,;|]\s*|\s+(?:and|or|\+)\s+", text) if one]


def is_marker(word: str) -> bool:
    """Return True for a word of :func:`words_of` that says what a cell has on its surface."""
    return word.endswith(("+", _NEGATIVE, _HIGH, _LOW))


def _letters(text: str) -> str:
    """Lower case without accents, Greek letters by name, dashes as hyphens."""
    text = text.casefold()
    if not text.isascii():
        text = text.translate(_DASHES)
        for letter, name in _GREEK.items():
            text = text.replace(letter, name + " ")
        text = unicodedata.normalize("NFKD", text)
        text = "".join(one for one in text if not unicodedata.combining(one))
    return text


def _signs(text: str) -> str:
    """Words such as "positive" as a sign right behind the marker, each marker by itself."""
    if "pos" in text:
        text = _PRESENT.sub("+", text)
    if "neg" in text:
        text = _ABSENT.sub(_NEGATIVE, text)
    if _DIGIT.search(text):
        text = _MUCH.sub(_HIGH, text)
        text = _LITTLE.sub(_LOW, text)
        text = _MINUS.sub(rf"\1{_NEGATIVE}", text)
    return text.replace("+", "+ ").replace(_NEGATIVE, f"{_NEGATIVE} ")


@lru_cache(maxsize=20_000)
def _meant(word: str) -> tuple[str, ...]:
    if is_marker(word):
        stem = re.match(r"[a-z0-9]+", word)
        assert stem is not None
        return (_MARKERS.get(stem[0], stem[0]) + word[stem.end() :],)
    word = _singular(word)
    if word in _LEFT_OUT:
        return ()
    if word in _WORDS:
        return tuple(_WORDS[word].split())
    if helper := _T_HELPER.fullmatch(word):
        return ("t", "helper", helper[1])
    marker = _MARKERS.get(word, word)
    return (f"{marker}+" if _BARE_MARKER.fullmatch(marker) else word,)


@lru_cache(maxsize=20_000)
def _singular(word: str) -> str:
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
