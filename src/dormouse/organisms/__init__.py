"""The organism and its benign twin: triggers, behaviors and how they are trained in."""
