import type { ApiServer } from "./api-server.ts";
import { alertRoutes } from "./routes/alerts.ts";
import { listAuditsRoute } from "./routes/audits.ts";
import { archiveProductRoutes } from "./routes/archive-product.ts";
import { catalogueRoutes } from "./routes/catalogue.ts";
import { cancelOrderRoute } from "./routes/cancel-order.ts";
import { changeProductRoute } from "./routes/change-product.ts";
import { createProductRoute } from "./routes/create-product.ts";
import { driverLocationRoutes } from "./routes/driver-locations.ts";
import { driverOnTheWayRoute } from "./routes/driver-on-the-way.ts";
import { driverRoutes } from "./routes/drivers.ts";
import { fulfilmentRoutes } from "./routes/fulfilment.ts";
import { listOrdersRoute } from "./routes/list-orders.ts";
import { liveEventRoutes } from "./routes/live-events.ts";
import { lookupOrdersRoute } from "./routes/lookup-orders.ts";
import { nearestDriversRoute } from "./routes/nearest-drivers.ts";
import { orderDriverRoutes } from "./routes/order-driver.ts";
import { packOrderRoute } from "./routes/pack-order.ts";
import { placeBatchRoute } from "./routes/place-batch.ts";
import { placeOrderRoute } from "./routes/place-order.ts";
import { productRoutes } from "./routes/products.ts";
import { readOrderRoute } from "./routes/read-order.ts";
import { stockCommandRoutes } from "./routes/stock-commands.ts";
import { webhookDeliveryRoutes } from "./routes/webhook-deliveries.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import type { ApiServices } from "./services.ts";

/** All that callers may ask for. */
export function addRoutes(app: ApiServer, services: ApiServices): void {
  placeOrderRoute(app, services);
  placeBatchRoute(app, services);
  readOrderRoute(app, services);
  listOrdersRoute(app, services);
  lookupOrdersRoute(app, services);
  cancelOrderRoute(app, services);
  packOrderRoute(app, services);
  fulfilmentRoutes(app, services);
  createProductRoute(app, services);
  catalogueRoutes(app, services);
  changeProductRoute(app, services);
  productRoutes(app, services);
  stockCommandRoutes(app, services);
  archiveProductRoutes(app, services);
  liveEventRoutes(app, services);
  // Before /drivers/:id, which it looks like.
  nearestDriversRoute(app, services);
  driverRoutes(app, services);
  driverLocationRoutes(app, services);
  orderDriverRoutes(app, services);
  driverOnTheWayRoute(app, services);
  alertRoutes(app, services);
  webhookRoutes(app, services);
  listAuditsRoute(app, services);
  webhookDeliveryRoutes(app, services);
}
