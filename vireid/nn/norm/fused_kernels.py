"""The small algebra of a norm site as one Triton kernel each way.

A program handles a few channels and all rows, as one tile ``(G, rows of a modality, channels)``, so that every sum has a fixed order. All
rows, the rows of a modality and each row alone are treated alike. :mod:`vireid.nn.norm.equal_rows` has the same algebra as operations on
tensors.

Of the rows, the first ``first`` are of the first modality, the others of the second one, if there is one. Coefficients are ``(K, G, C)``,
with steps ``by_kind`` and ``by_group`` between them. Statistics are ``(2, 1 + G, C)``: means, then variances, of all rows and of each
modality. What is named ``*_at`` is a pointer.
"""

from __future__ import annotations

try:
    import triton
    from triton import language as tl
except ImportError:  # there is none for this platform, and nobody calls the kernels
    triton = None


def _jit(function):
    """What is launched, and what that calls. It is not compiled again for other numbers of rows and pixels."""
    return function if triton is None else triton.jit(function, do_not_specialize=["rows", "first", "pixels"])


@_jit
def _each(values, inside):
    """``(G, 1, channels)`` sums over the rows of each modality."""
    return tl.sum(tl.where(inside, values, 0.0), 1, keep_dims=True)


@_jit
def _all(values, inside):
    """``(1, 1, channels)`` sums over all rows."""
    return tl.sum(_each(values, inside), 0, keep_dims=True)


@_jit
def forward(
    mean_at,
    var_at,
    coefficients_at,
    statistics_at,
    scale_at,
    offset_at,
    rows,
    first,
    channels,
    by_kind,
    by_group,
    EPS: tl.constexpr,
    WITH_ROWS: tl.constexpr,
    GROUPS: tl.constexpr,
    ROWS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """Statistics of all rows and of each modality, and the map ``(x - mean) * scale + offset`` of every row."""
    group = tl.arange(0, GROUPS)[:, None, None]
    row = tl.arange(0, ROWS)[None, :, None]
    channel = tl.program_id(0) * CHANNELS + tl.arange(0, CHANNELS)[None, None, :]
    own_rows = tl.where(group == 0, first, rows - first)
    exists = channel < channels
    inside = (row < own_rows) & exists
    place = (group * first + row) * channels + channel
    mean = tl.load(mean_at + place, mask=inside, other=0.0)
    var = tl.load(var_at + place, mask=inside, other=0.0)

    all_mean = _all(mean, inside) / rows
    from_all = mean - all_mean
    all_var = _all(var + from_all * from_all, inside) / rows
    own_mean = _each(mean, inside) / own_rows
    from_own = mean - own_mean
    own_var = _each(var + from_own * from_own, inside) / own_rows
    of_all, of_own = statistics_at + channel, statistics_at + (1 + group) * channels + channel
    variances = (1 + GROUPS) * channels
    tl.store(of_all, all_mean, mask=exists)
    tl.store(of_all + variances, all_var, mask=exists)
    tl.store(of_own, own_mean, mask=exists)
    tl.store(of_own + variances, own_var, mask=exists)

    coefficients = coefficients_at + group * by_group + channel
    by_all = tl.load(coefficients + by_kind, mask=exists, other=0.0) * tl.rsqrt(all_var + EPS)
    by_own = tl.load(coefficients + 2 * by_kind, mask=exists, other=0.0) * tl.rsqrt(own_var + EPS)
    offset = tl.load(coefficients, mask=exists, other=0.0) + by_all * from_all + by_own * from_own
    scale = tl.broadcast_to(by_all + by_own, (GROUPS, ROWS, CHANNELS))
    if WITH_ROWS:
        scale += tl.load(coefficients + 3 * by_kind, mask=exists, other=0.0) * tl.rsqrt(var + EPS)
    tl.store(scale_at + place, scale, mask=inside)
    tl.store(offset_at + place, offset, mask=inside)


@_jit
def backward(
    mean_at,
    var_at,
    coefficients_at,
    statistics_at,
    products_at,
    sums_at,
    d_coefficients_at,
    slope_at,
    level_at,
    rows,
    first,
    pixels,
    channels,
    by_kind,
    by_group,
    EPS: tl.constexpr,
    WITH_ROWS: tl.constexpr,
    GROUPS: tl.constexpr,
    ROWS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    """Gradient of the coefficients, and the part of that of the input that goes through statistics: ``(x - mean) * slope + level``.

    ``products`` and ``sums`` are those of ``grad * (x - mean)`` and of ``grad`` over the pixels of a row.
    """
    group = tl.arange(0, GROUPS)[:, None, None]
    row = tl.arange(0, ROWS)[None, :, None]
    channel = tl.program_id(0) * CHANNELS + tl.arange(0, CHANNELS)[None, None, :]
    own_rows = tl.where(group == 0, first, rows - first)
    exists = channel < channels
    inside = (row < own_rows) & exists
    place = (group * first + row) * channels + channel
    mean = tl.load(mean_at + place, mask=inside, other=0.0)
    products = tl.load(products_at + place, mask=inside, other=0.0)
    sums = tl.load(sums_at + place, mask=inside, other=0.0)
    of_all, of_own = statistics_at + channel, statistics_at + (1 + group) * channels + channel
    variances = (1 + GROUPS) * channels
    coefficients = coefficients_at + group * by_group + channel
    found = d_coefficients_at + group * channels + channel
    kind = GROUPS * channels
    tl.store(found, _each(sums, inside), mask=exists)

    offset = mean - tl.load(of_all, mask=exists, other=0.0)
    inverse = tl.rsqrt(tl.load(of_all + variances, mask=exists, other=0.0) + EPS)
    standardised = (products + offset * sums) * inverse
    tl.store(found + kind, _each(standardised, inside), mask=exists)
    factor = tl.load(coefficients + by_kind, mask=exists, other=0.0) * inverse
    d_var = _all(factor * standardised * inverse, inside) / rows
    level = _all(factor * sums, inside) / rows + offset * d_var

    slope = d_var
    offset = mean - tl.load(of_own, mask=exists, other=0.0)
    inverse = tl.rsqrt(tl.load(of_own + variances, mask=exists, other=0.0) + EPS)
    standardised = (products + offset * sums) * inverse
    tl.store(found + 2 * kind, _each(standardised, inside), mask=exists)
    factor = tl.load(coefficients + 2 * by_kind, mask=exists, other=0.0) * inverse
    d_var = _each(factor * standardised * inverse, inside) / own_rows
    level += _each(factor * sums, inside) / own_rows + offset * d_var

    slope = tl.broadcast_to(slope + d_var, (GROUPS, ROWS, CHANNELS))
    if WITH_ROWS:
        inverse = tl.rsqrt(tl.load(var_at + place, mask=inside, other=0.0) + EPS)
        standardised = products * inverse
        tl.store(found + 3 * kind, _each(standardised, inside), mask=exists)
        factor = tl.load(coefficients + 3 * by_kind, mask=exists, other=0.0) * inverse
        slope += factor * standardised * inverse
        level += factor * sums
    tl.store(slope_at + place, -slope / pixels, mask=inside)
    tl.store(level_at + place, -level / pixels, mask=inside)
