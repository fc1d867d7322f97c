"""Safety training by supervised fine-tuning, reinforcement learning and adversarial training; preference models."""
