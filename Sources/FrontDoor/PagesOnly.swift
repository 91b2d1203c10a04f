package import ProducerInterface
package import StreamRuntime

/// For a server that has pages only: no path is a producer's route.
package final class PagesOnly: StreamOpener {
    package init() {}

    package func route(for path: String) -> RouteMatch? { nil }

    package func open(
        _ match: RouteMatch, _ request: StreamRequest, answering door: any OpenAnswering
    ) throws(Overload) -> StreamToken { preconditionFailure("it has no routes") }

    package func leave(_ stream: StreamToken) {}
    package func attach(_ stream: StreamToken, to transport: StreamTransport, form: ResponseForm) {}
    package func sinksDrained(_ streams: [StreamToken]) {}
    package func sinkHalfClosed(_ stream: StreamToken) {}
    package func sinkClosed(_ stream: StreamToken) {}
}
