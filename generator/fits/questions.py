"""Questions to a cohort: what would a model score that has these figures and no score?"""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from generator.tables.cohorts import Cohort

ASKED = "(asked)"  # name of the row that has the figures of the question


def without_scores(cohort: Cohort, model: str) -> Cohort:
    """The cohort as if the model had no score: it never helps to predict itself."""
    names = ["score", *(s.name for s in cohort.scores)]
    rows = cohort.rows.copy()
    rows.loc[rows["model"] == model, names] = float("nan")
    return replace(cohort, rows=rows)


def with_figures(cohort: Cohort, figures: Mapping[str, float]) -> Cohort:
    """The cohort with one more row, ASKED, that has the figures.

    figures: by column: compression, parameters, training_flop.
    """
    asked: dict[str, object] = {"model": ASKED, "name": ASKED, "family": ASKED, **figures}
    known = [column.name for column in cohort.compression]
    if known and all(name in figures for name in known):
        asked["compression"] = sum(figures[name] for name in known) / len(known)
    rows = pd.concat([cohort.rows, pd.DataFrame([asked])], ignore_index=True)
    return replace(cohort, rows=rows)
