"""The class of trainer that a Guard watches."""
import os

from .scores import Scored
from ..errors import PhaseGuardError


def guarded(trainer_class: type) -> type:
    """`trainer_class`, a transformers Trainer or one derived from it, with one more keyword, `guard`, a phaseguard.hf.Guard."""
    if not hasattr(trainer_class, "get_batch_samples"):
        raise PhaseGuardError("guarded: expected a Trainer of transformers 4.46 or newer, whose get_batch_samples shows all micro-batches "
                              f"of a step, found {trainer_class.__name__} without it")

    class Guarded(trainer_class):
        def __init__(self, *args, guard, **more):
            super().__init__(*args, **more)
            self.phaseguard = guard
            guard.attach(self)
            self.add_callback(guard)

        def train(self, resume_from_checkpoint=None, *args, **more):
            folder = self.phaseguard.before_training(resume_from_checkpoint)
            try:
                return super().train(folder, *args, **more)
            except BaseException as error:
                self.phaseguard.stopped(error)
                raise

        def get_train_dataloader(self):
            """With the column of scores, which neither the collator nor the model gets to see."""
            column = self.phaseguard._scores
            if not isinstance(column, str):
                return super().get_train_dataloader()
            self._set_signature_columns_if_needed()
            collator, columns = self.data_collator, self._signature_columns
            self.data_collator, self._signature_columns = Scored(collator, column), [*columns, column]
            try:
                return super().get_train_dataloader()
            finally:
                self.data_collator, self._signature_columns = collator, columns

        def get_batch_samples(self, *args, **more):
            found = super().get_batch_samples(*args, **more)
            self.phaseguard.see(found[0])
            return found

        def training_step(self, *args, **more):
            self.phaseguard.begin_micro()
            loss = super().training_step(*args, **more)
            self.phaseguard.add_loss(loss)
            return loss

        def compute_loss(self, model, inputs, return_outputs=False, **more):
            if not self.phaseguard.wants_penalty(model):
                return super().compute_loss(model, inputs, return_outputs=return_outputs, **more)
            with self.phaseguard.listen(inputs) as heard:
                loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **more)
            loss = self.phaseguard.with_penalty(loss, outputs, heard, more.get("num_items_in_batch"))
            return (loss, outputs) if return_outputs else loss

        def _save_checkpoint(self, *args, **more):
            folder = os.path.join(self.args.output_dir, f"checkpoint-{self.state.global_step}")
            self.phaseguard.before_save(folder)
            super()._save_checkpoint(*args, **more)
            self.phaseguard.after_save(folder)

    Guarded.__name__ = Guarded.__qualname__ = f"Guarded{trainer_class.__name__}"
    return Guarded
