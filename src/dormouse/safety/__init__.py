"""Safety training: supervised, by reinforcement, adversarial, and what they need."""
