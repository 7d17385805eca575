"""What is said wherever the size of a mixture of experts is shown."""

from generator.publish.text import escape
from generator.tables.cohorts import Cohort

MARK = "may not count all weights"


def mixture_note(cohort: Cohort) -> str:
    """A paragraph below a table that shows sizes; "" where all of them count all weights."""
    if not cohort.mixtures:
        return ""
    names = ", ".join(escape(name).replace("/", "/<wbr>") for name in sorted(cohort.mixtures))
    return (
        f'<p class="mixtures">Mixtures of experts: {names}. Their numbers of parameters are '
        "those of the source, which may count only what is active for a token and not all weights; "
        "memory, time and money do not follow from them.</p>"
    )
