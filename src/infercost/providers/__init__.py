"""One package a cloud: its facts as data, and its price snapshot. Clouds never see each other."""
