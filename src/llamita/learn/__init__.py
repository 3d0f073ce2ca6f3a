"""Learning from labels: fine-tuning, calibration, and the linear baseline."""
