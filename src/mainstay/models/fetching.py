"""Bring memory near before it is needed: rows that are asked for in no order come at the pace of memory otherwise.

A shadow of a twentieth of the series touches every twentieth row of the state. Asking for a row some samples ahead took
a fifth off what such a sample costs, and nothing off rows in their order (the processor sees those coming by itself).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LINE = 64


def _fetch(typingctx: Any, rows: Any, at: Any) -> Any:  # noqa: ARG001  numba asks for it
    """Ask for row `at` of an array of records; it changes nothing. Of a row that is not there: a hint about nowhere.

    Args:
        typingctx: Numba's.
        rows: Records in one block.
        at: i64, the row.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        block = context.make_array(kind)(context, builder, arguments[0]).data
        size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        asks = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        prefetch = cgutils.get_or_insert_function(builder.module, asks, "llvm.prefetch.p0")  # type: ignore[no-untyped-call]
        first = builder.bitcast(block, pointer)
        begin = builder.mul(arguments[1], ir.Constant(arguments[1].type, size))
        for line in range(0, size, LINE):
            where = builder.gep(first, [builder.add(begin, ir.Constant(begin.type, line))])
            builder.call(prefetch, [where, number(1), number(3), number(1)])  # to be written, kept near, data
        return context.get_dummy_value()

    return types.void(rows, types.int64), codegen


fetch: Any = intrinsic(_fetch)
"""For compiled code: `fetch(rows, at)`."""
