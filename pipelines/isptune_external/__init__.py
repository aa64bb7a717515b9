"""What external ISPs have in common: scenes, a canary before every run, child processes that end."""

from isptune_external.canary import check_canary as check_canary
from isptune_external.choosing import chosen as chosen
from isptune_external.pipeline import ExternalPipeline as ExternalPipeline
from isptune_external.pipeline import RawPipeline as RawPipeline
from isptune_external.programs import Finished as Finished
from isptune_external.programs import ProgramError as ProgramError
from isptune_external.programs import ProgramTimeoutError as ProgramTimeoutError
from isptune_external.programs import find_program as find_program
from isptune_external.programs import run_program as run_program
from isptune_external.programs import version_of as version_of
from isptune_external.together import develop_together as develop_together
from isptune_external.together import most_together as most_together
