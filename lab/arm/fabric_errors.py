"""Converts errors of the fabric, and of the stand-in itself, to ARM errors."""

import logging

from lab.arm.errors import ArmError

logger = logging.getLogger(__name__)


def of_fabric(error: BaseException) -> ArmError:
    if isinstance(error, ArmError):
        return error
    logger.error("a resource could not be put", exc_info=error)
    return ArmError(500, "InternalExecutionError", f"{type(error).__name__}: {error}")
