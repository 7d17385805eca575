"""The published cohorts, as the repository holds them."""

from functools import cache

from compression_leaderboard.board.cohorts import Cohort, make_cohorts
from compression_leaderboard.fits.study import Study, study_cohort
from compression_leaderboard.repository.contents import read_published
from compression_leaderboard.repository.specs import Specs

from tests import ROOT

COHORTS = tuple(sorted(path.parent.name for path in ROOT.glob("results/published/*/source.toml")))


@cache
def published_cohorts() -> dict[str, Cohort]:
    """By name, read once."""
    tables, problems = read_published(ROOT)
    assert problems == []
    return {cohort.name: cohort for cohort in make_cohorts(Specs(), [], tables)}


@cache
def mean_studies() -> dict[str, Study]:
    """The mean of the benchmarks of each, studied once."""
    return {name: study_cohort(one, only=["score"]) for name, one in published_cohorts().items()}
