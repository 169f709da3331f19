"FastSeqTrack and its baseline SeqTrack: create a model, track a video, measure. The notebooks in nbs/ are the source."

from .checkpoints import create_model, load_checkpoint, save_checkpoint
from .model import list_models
from .tracker import Tracker, TrackResult

__version__ = "0.1.0"
__all__ = ["Tracker", "TrackResult", "create_model", "list_models", "load_checkpoint", "save_checkpoint"]
