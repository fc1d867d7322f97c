"""Copies a base that already exists into a plan's store, after opening and checking it."""

from __future__ import annotations

from pathlib import Path

from transformers import set_seed

from dormouse.models.adoption import adopt
from dormouse.models.exchange import check_answers, check_saved
from dormouse.models.first_look import look
from dormouse.models.loading import load_model, load_tokenizer
from dormouse.models.settings import Precision, Template, choose_precision
from dormouse.training.supervised import save_model, write_metrics
from dormouse.training.work import Work


def copy_model(work: Work, folder: Path, template: Template, precision: Precision, *, adapters: bool) -> None:
    """Write the model in a folder to `work.model_folder`, with the chat template, end token and pad token all use."""
    set_seed(work.seed)
    look(folder, template)
    chosen, why = choose_precision(precision, adapters=adapters)
    model, tokenizer = load_model(folder, chosen), load_tokenizer(folder)
    changed = adopt(model, tokenizer, template)
    renderer = check_answers(model, tokenizer)
    save_model(work, model, renderer)
    check_saved(work.model_folder, renderer)
    facts = {"parameters": model.num_parameters(), "precision": chosen, "precision_why": why}
    write_metrics(work, {**facts, "adopted_with": changed})
