"""Imports once what workers with detectors need besides: importing it takes most of a small stage."""

import importlib

MODULES = (
    "sklearn.covariance",
    "sklearn.decomposition",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.neighbors",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "dormouse.detection.judge",
)

for module in MODULES:
    importlib.import_module(module)
