"""runs/sentinel.toml: the one model and text that show whether measuring itself has drifted."""

from pydantic import Field

from generator.records.base import Record
from generator.records.models import Slug


class Sentinel(Record):
    """The model and text that are measured again beside whatever else is measured."""

    model: str = Field(min_length=1, description="id of a model whose file lists the corpus")
    corpus: Slug = Field(description="a text, from runs/corpora")
