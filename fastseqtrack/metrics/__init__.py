"Tracked boxes in, scores out: every data set's own protocol, by name."

from .protocols import evaluate

__all__ = ["evaluate"]
