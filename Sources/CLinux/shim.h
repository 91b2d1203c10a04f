// The headers of Linux that the Glibc module leaves out.
#ifndef SLUICE_CLINUX_SHIM_H
#define SLUICE_CLINUX_SHIM_H
#include <sys/epoll.h>
#include <sys/eventfd.h>
#endif
