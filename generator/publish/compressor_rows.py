"""What stands beside the rows of classical compressors in a table."""

from generator.publish.text import tag

COMPRESSOR_NOTE = (
    f"<p>Rows marked {tag('classical')} are no models. Their large figure is the whole text as "
    "one stream, in which later documents profit from earlier ones. Below it, alone: each "
    "document compressed on its own, with its 95 &#37; interval. Models read each document on "
    'its own, so that is the figure to hold against theirs. <a href="method/#classical-'
    'compressors">How compressors are scored</a></p>'
)
