#include "CEmits.h"

_Thread_local uint64_t sluice_asked_stream;
_Thread_local bool sluice_has_emitted;
