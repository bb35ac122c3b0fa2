"""Parts of phaseguard.hf."""
