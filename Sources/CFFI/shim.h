#ifndef SLUICE_CFFI_SHIM_H
#define SLUICE_CFFI_SHIM_H
#include <ffi.h>
#endif
