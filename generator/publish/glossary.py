"""Words of the board that the glossary explains, and links to them."""

from generator.publish.text import escape

# Word on a page → its heading in site/docs/glossary.md.
TERMS = {
    "Rank": "rank-range",
    "Bits per byte": "bits-per-byte",
    "Optimality": "optimality",
    "Complexity": "complexity",
    "Expressivity": "expressivity",
    "Preference information": "preference-information",
    "Mean score": "mean-score",
    "Interval": "interval",
    "Cohort": "cohort",
    "Measured, published, predicted": "measured-published-predicted",
    "Context": "context",
    "Quantization": "quantization",
    "Compressor": "classical-compressor",
    "Cost": "cost",
}


def term(word: str, root: str, shown: str | None = None) -> str:
    """A word that leads to its place in the glossary. root: from the page to the site's root."""
    return f'<a href="{root}glossary/#{TERMS[word]}">{escape(shown or word)}</a>'


def terms_line(root: str) -> str:
    """All of them in one line, for below a table."""
    links = " · ".join(term(word, root) for word in TERMS)
    return f'<p class="terms">What the words mean: {links}</p>'
