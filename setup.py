import sysconfig

from setuptools import setup

# One wheel serves every CPython from 3.11 on, but free-threaded builds have no stable ABI yet.
free_threaded = sysconfig.get_config_var("Py_GIL_DISABLED")
setup(
    cffi_modules=["cext/build_ffi.py:ffibuilder"],
    options={} if free_threaded else {"bdist_wheel": {"py_limited_api": "cp311"}},
)
