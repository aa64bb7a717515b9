from .generated import chart as chart
from .loading import load_scenes as load_scenes
from .reading import read_image as read_image
from .writing import write_image as write_image
