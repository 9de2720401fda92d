def detect(probe):
    return None
