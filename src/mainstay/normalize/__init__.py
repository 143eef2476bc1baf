"""Stage 2: many names become one entity, counters become rates, lines become templates, spans become calls."""

from mainstay.normalize.entities.catalog import Catalog
from mainstay.normalize.entities.directory import Explanation
from mainstay.normalize.entities.mapping import DEFAULT_MAPPING, EntityMapping
from mainstay.normalize.masking import mask
from mainstay.normalize.normalizer import Normalizer

__all__ = ["DEFAULT_MAPPING", "Catalog", "EntityMapping", "Explanation", "Normalizer", "mask"]
