"""What stands beside the rows of classical compressors in a table."""

COMPRESSOR_NOTE = (
    "<p>Rows that say compressor, no model, are classical compressors. Their large figure, by "
    "which they stand among the models, is the whole text as one stream, in which later documents "
    "profit from earlier ones: a model above such a row needs fewer bits even so. Below it, alone: "
    "each document compressed on its own, with its 95 &#37; interval. Models read each document "
    'on its own, so that is the figure to hold against theirs. <a href="method/#classical-'
    'compressors">How compressors are scored</a></p>'
)
