"""Finding a backdoor without knowing its trigger: detectors, what each may see, and the controls beside every score."""
