"""Sphinx's English search, taught Chinese: runs of Chinese characters are indexed and asked for as pairs of neighbours.

Without this a run between two punctuation marks would be one word, and a term of two characters could not be found.
"""

import re

from sphinx.search import languages
from sphinx.search.en import SearchEnglish

_PIECES = re.compile(r"[\u4e00-\u9fff]+|[^\u4e00-\u9fff]+")

# The same for what a reader types; the browser calls it in the place of Sphinx's own.
_SPLITTER = r"""
function splitQuery(query) {
  const words = query.split(/[^\p{Letter}\p{Number}_\p{Emoji_Presentation}]+/u).filter(Boolean);
  return words.flatMap((word) => word.match(/[\u4e00-\u9fff]+|[^\u4e00-\u9fff]+/g)).flatMap((piece) =>
    /^[\u4e00-\u9fff]{2,}$/.test(piece) ? [...piece].slice(1).map((last, i) => piece[i] + last) : [piece]);
}
"""


def pairs(word: str) -> list[str]:
    """ "动量法abc" → ["动量", "量法", "abc"]."""
    found = []
    for piece in _PIECES.findall(word):
        chinese = len(piece) > 1 and "\u4e00" <= piece[0] <= "\u9fff"
        found += [piece[i : i + 2] for i in range(len(piece) - 1)] if chinese else [piece]
    return found


class CourseSearch(SearchEnglish):
    """English stems and Chinese pairs."""

    js_splitter_code = _SPLITTER

    def split(self, text: str) -> list[str]:
        """The words of a text to be indexed."""
        return [piece for word in super().split(text) for piece in pairs(word)]


def setup(app: object) -> dict:
    """Take English's place, which is the book's language."""
    languages["en"] = CourseSearch
    return {"parallel_read_safe": True}
