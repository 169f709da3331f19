"FastSeqTrack and its baseline SeqTrack: create a model, track a video, measure. The notebooks in nbs/ are the source."

from importlib import import_module

__version__ = "0.2.0"

# Loaded when first asked for, so that `fastseqtrack --help` does not wait for PyTorch.
_HOMES = {
    "Tracker": "tracking.tracker",
    "TrackResult": "tracking.base",
    "create_model": "models.checkpoints",
    "open_model": "models.checkpoints",
    "load_checkpoint": "models.checkpoints",
    "from_pretrained": "models.checkpoints",
    "save_pretrained": "models.checkpoints",
    "push_to_hub": "models.checkpoints",
    "open_dataset": "data.datasets",
    "save_checkpoint": "models.checkpoints",
    "list_models": "models.presets",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
