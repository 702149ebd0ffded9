"""The window of ``perfuscope gui``: screens in files, what a model says of them, and where it looked.

``presenter`` decides and knows no Tk; ``window`` draws what it is told; ``desk`` works in a thread of its own.
"""
