@testable import StreamRuntime

/// The base of suites about reloads: a reloader of plugins that the test defines.
class ReloadingStage {
    let stage = Stage()
    let images = FakeImages()
    let reloader: Reloader

    init() {
        reloader = Reloader(runtime: stage.runtime, source: images, logger: stage.log.logger, shuttingDown: atOnce)
    }

    // A generation keeps its reloader alive, to notify it of the end.
    deinit { _ = reloader.retireAll(deadline: 0) }
}
