"""Somebody's own training loop, watched from outside: passive hooks, the doctor's checks, a page.

watcher.py    the watch, and what it makes of what it heard
listening.py  hooks that measure a step: what goes into layers, gradients, weights and updates
heard.py      what was heard becomes a history
sampling.py   which steps are measured
callbacks.py  the watch inside Lightning's and Hugging Face's trainers
"""

from fitwell.watching.callbacks import lightning_callback, transformers_callback
from fitwell.watching.watcher import Watch, watch

__all__ = ["Watch", "lightning_callback", "transformers_callback", "watch"]
