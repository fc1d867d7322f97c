"""From a plan file to a graph of stages."""
