"""Arrays that a kernel only looks at: numba need not count who holds them, call by call and byte by byte.

A compiled function counts every array that it is given up and down again, by an instruction that locks the bus. Where
one is called for each label of each series, that was half of what reading labels took.
"""

from __future__ import annotations

from typing import Any

from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array


def _lent(_: Any, array: Any) -> Any:
    """The same array, not counted: for the arguments of a kernel, and for what it returns in the end.

    The caller holds an argument until the kernel is over, and a kernel itself what it returns by its first name.
    Anything else may be freed while the lent one is still in use: `lent(np.empty(3))` is a mistake.
    """

    def view(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        seen = make_array(signature.args[0])(context, builder, arguments[0])  # type: ignore[no-untyped-call]
        seen.meminfo = cgutils.get_null_value(seen.meminfo.type)  # type: ignore[no-untyped-call]
        return seen._getvalue()  # noqa: SLF001  as every intrinsic of numba ends

    return array(array), view


lent: Any = intrinsic(_lent)
