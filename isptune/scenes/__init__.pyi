from .generated import chart as chart
from .loading import load_scenes as load_scenes
from .image_reading import read_image as read_image
from .image_writing import write_image as write_image
