"""PhaseGuard as a plugin of Axolotl. Tested against the contract of its plugins alone, by tests/python/adapters_test.py, because it is in
no Debian release.

    plugins:
      - phaseguard.axolotl.Plugin
    phaseguard:              # keywords of phaseguard.hf.Guard
      run: my-run
      canaries: canaries.jsonl
"""
import importlib

try:
    from axolotl.integrations.base import BasePlugin
except ImportError:
    raise ImportError("phaseguard.axolotl: expected axolotl, found none; install it, or use phaseguard.hf with transformers.Trainer") from None


class Plugin(BasePlugin):
    """Gives Axolotl its own trainer class with a phaseguard.hf.Guard, made when training is."""

    BASE = ("axolotl.core.trainers.base", "AxolotlTrainer")

    def get_input_args(self) -> str:
        return "phaseguard.axolotl.Arguments"

    def get_trainer_cls(self, cfg):
        settings = cfg.get("phaseguard")
        if not settings:
            return None
        if not settings.get("run"):
            raise ValueError(f"phaseguard: expected run: NAME and keywords of phaseguard.hf.Guard, found {dict(settings)}")
        from .hf import Guard, guarded
        module, name = self.BASE

        class Watched(guarded(getattr(importlib.import_module(module), name))):
            def __init__(self, *args, **more):
                super().__init__(*args, guard=Guard(**dict(settings)), **more)

        return Watched


def __getattr__(name: str):
    if name != "Arguments":
        raise AttributeError(name)
    from pydantic import BaseModel

    class Arguments(BaseModel):
        """The key that Axolotl lets through."""
        phaseguard: dict = {}

    return Arguments
