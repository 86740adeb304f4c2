-- Orders with lines. A child table needs a policy of its own: the embed looks right without one, the child does not.
create table orders (
    id int primary key,
    customer text not null,
    placed date not null
);
create table lines (
    id int primary key,
    order_id int not null references orders,
    item text not null,
    amount int not null
);

insert into orders (id, customer, placed)
select 10 * customer + number, 'customer-' || customer, date '2026-01-01' + number
from generate_series(1, 10) as customer, generate_series(1, 3) as number;
insert into lines (id, order_id, item, amount)
select 10 * orders.id + line, orders.id, 'item ' || line, line
from orders, generate_series(1, 2) as line
where orders.id % 10 <> 3; -- the third order of each has no lines

create index on lines (order_id);

alter table orders enable row level security;
alter table lines enable row level security;

create policy orders_of_the_claim on orders to api
    using (customer = current_setting('request.jwt.claims', true)::json ->> 'customer');
create policy lines_of_the_orders on lines to api
    using (exists (select from orders where orders.id = order_id));

grant select on orders, lines to api;
